"""Where sandboxes are started."""

ENVIRONMENT = {  # of the guest's interpreter, in every backend
    "LC_ALL": "C.UTF-8",
    "LD_BIND_NOW": "1",  # else each program looks its functions up anew: 20 pages
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TOP_PAD_": "1048576",
}
