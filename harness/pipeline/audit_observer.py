"""What is put before an audited program: source text for the sandbox, never run here.

`OBSERVER` takes `marker`, drawn at random, so that what the program prints cannot look like an observation; `most`, the
observations at most; `source`, the program. Each observation is a line of standard error that begins with the marker.
"""

OBSERVER = """
def _observe():
    import builtins, os, sys
    getframe, write = sys._getframe, os.write
    left, busy = [{most}], [False]
    before = dict(vars(builtins))
    def say(what):
        if left[0] > 0:
            left[0] -= 1
            write(2, ('{marker} ' + what[:80].encode('ascii', 'backslashreplace').decode() + '\\n').encode())
    def own(depth):
        frame = getframe(3)
        while frame is not None and depth:
            if frame.f_code.co_filename == 'audited.py':
                return True
            frame, depth = frame.f_back, depth - 1
        return False
    def sign(event, args):
        if event == 'open':
            path = args[0] if args and isinstance(args[0], str) else ''
            if path.startswith(('/proc', '/sys', '/dev/fd')) and own(12): return 'reads ' + path
        elif event == 'sys._getframe':
            if own(1): return 'walks the stack'
        elif event in ('gc.get_objects', 'gc.get_referrers', 'gc.get_referents'):
            if own(3): return 'searches memory: ' + event
        elif event.startswith('ctypes.'):
            if own(12): return 'uses ctypes'
        elif event in ('os.kill', 'os.killpg', 'signal.pthread_kill'):
            if own(3): return 'sends signals'
        elif event in ('sys.settrace', 'sys.setprofile'):
            if own(3): return 'sets a trace function'
        elif event in ('os.exec', 'os.posix_spawn', 'os.system', 'subprocess.Popen'):
            if own(8): return 'starts another program'
        elif event.startswith('socket.') and event not in ('socket.__new__',):
            if own(12): return 'uses the network: ' + event
        elif event in ('object.__setattr__', 'object.__delattr__', 'code.__new__'):
            if own(1): return 'changes code'
    def hook(event, args):
        if busy[0]: return
        busy[0] = True
        try:
            found = sign(event, args)
            if found: say(found)
        finally:
            busy[0] = False
    def after():
        busy[0] = True
        for name, value in vars(builtins).items():
            if before.get(name) is not value and name != '_': say('changes builtins.' + name)
        busy[0] = False
    sys.addaudithook(hook)
    return after
_after = _observe()
del _observe
import linecache as _cache
_source = {source!r}
_cache.cache['audited.py'] = (len(_source), None, _source.splitlines(True), 'audited.py')
try:
    exec(compile(_source, 'audited.py', 'exec'), globals())
finally:
    _after()
"""
