"""Ruby, with its standard library and gems as Debian has them. `ruby -c` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language, Testing

CHECK = ("/usr/bin/ruby", "--disable-all", "-c", "main.rb")
# loads the program, runs the tests of a framework that would run at the exit, and gives the sign
LAUNCHER = r"""
lambda do
  sign = IO.for_fd(5).read
  out = IO.for_fd(4)
  out.close_on_exec = true
  read = false
  $__harness_end = -> { read = true }
  $0 = File.expand_path('main.rb')
  load $0
  if defined?(Test::Unit::AutoRunner) && Test::Unit::AutoRunner.need_auto_run?
    Test::Unit::AutoRunner.need_auto_run = false
    exit 1 unless Test::Unit::AutoRunner.run(false, nil, [])
  end
  out.write(sign) if read
  out.close
end.call
"""
LANGUAGE = Language(
    source_file="main.rb",
    suffixes=(".rb",),
    fence_names=("ruby", "rb"),
    family="scripts",
    packages=("ruby", "ruby-test-unit"),
    version_of="ruby",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.rb": LAUNCHER},
        compile=CHECK,
        run=("/usr/bin/ruby", "harness_launcher.rb"),
        assertion_signs=("Failure: ", "AssertionFailedError", "Error at test case"),
        end="\n$__harness_end.call\n",
    ),
    run=("/usr/bin/ruby", "main.rb"),
    memory_signs=("failed to allocate memory (NoMemoryError)",),
)
