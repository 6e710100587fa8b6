"""Node.js: how JavaScript and what became JavaScript is run, and the launcher of programs with tests.

The sign is given where the program ran through and nothing is left to wait for; `process.exit` does not come by there.
`console.assert` throws, which in Node.js it does not.
"""

from __future__ import annotations

NODE = ("/usr/bin/node", "--max-old-space-size={memory_mib}")
RUNTIME_MIB = 128
MEMORY_SIGNS = ("heap out of memory", "llocation failed", "process out of memory", "SetPermissions")
ASSERTIONS = ("AssertionError [",)
LAUNCHER_FILE = "harness_launcher.js"
# The one package beyond Node.js that published tests use; Debian has none of its name.
MD5 = "module.exports = (text) => require('crypto').createHash('md5').update(text).digest('hex');\n"
LAUNCHER = r"""
'use strict';
const fs = require('fs');
const util = require('util');
const { AssertionError } = require('assert');
const sign = Buffer.alloc(64);
const length = fs.readSync(5, sign);
fs.closeSync(5);
console.assert = (holds, ...said) => {
  if (!holds) throw new AssertionError({ message: util.format(...said) || 'console.assert' });
};
let through = false;
globalThis.__harnessEnd = () => { through = true; };
process.once('beforeExit', () => {
  if (through) fs.writeSync(4, sign, 0, length);
});
process.argv.splice(1, 1);
process.argv[1] = require('path').resolve(process.argv[1]);
require('module').runMain();
"""
END = "\n;__harnessEnd();\n"
FILES = {LAUNCHER_FILE: LAUNCHER, "node_modules/js-md5/index.js": MD5}

# runs the tests as `jest --runInBand` does, and gives the sign where some passed and none failed
SUITE_LAUNCHER = r"""
'use strict';
const fs = require('fs');
const sign = Buffer.alloc(64);
const length = fs.readSync(5, sign);
fs.closeSync(5);
const here = process.cwd();
for (const name of fs.readdirSync(process.argv[2])) fs.copyFileSync(`${process.argv[2]}/${name}`, `${here}/${name}`);
const { runCLI } = require('@jest/core');
const config = { rootDir: here, testEnvironment: 'node', transform: {}, testMatch: ['**/*.spec.js'] };
config.testTimeout = 2 ** 31 - 1; // instead of five seconds by the clock: the limits of the sandbox hold
const options = { config: JSON.stringify(config), runInBand: true, ci: true, cache: false, watchman: false };
runCLI({ ...options, $0: 'jest', _: [] }, [here]).then(({ results }) => {
  const passed = results.success && results.numPassedTests > 0 && results.numFailedTests === 0;
  if (passed) fs.writeSync(4, sign, 0, length);
  process.exit(passed ? 0 : 1);
});
"""
SUITE_FILES = {"harness/suite.js": SUITE_LAUNCHER}
