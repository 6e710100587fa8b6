"""TypeScript's own compiler, tsc: the script that checks the types of a program and translates it, and how it is made.

What programs have of the language and of Node.js is read once and shared by all texts, as editors do; all else of a
check is made anew. It sees the program's folder and these declarations, and of one text that is handed to it not even
a folder. Every file is a module, so that a name of its own is no second declaration of a global one.
"""

from __future__ import annotations

from sandbox.languages import _image

LIBRARY, TYPES = "/usr/share/nodejs/typescript/lib", "/usr/share/nodejs/@types"
HARNESS = "/usr/lib/harness/tsc"
SCRIPT = f"{HARNESS}/tsc.js"
KEPT_HEAP_MIB = 256
CHECK = r"""
'use strict';
const fs = require('fs');
const path = require('path');
const LIBRARY = '@LIBRARY@', TYPES = '@TYPES@', OUT = '/out';
const ts = require(`${LIBRARY}/typescript.js`);
const MOST = 100; // messages
const options = {
  target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts'], module: ts.ModuleKind.CommonJS, types: ['node'],
  moduleResolution: ts.ModuleResolutionKind.NodeJs, moduleDetection: ts.ModuleDetectionKind.Force,
  esModuleInterop: true, allowJs: true, resolveJsonModule: true, skipLibCheck: true, noEmitOnError: true,
  typeRoots: [TYPES], outDir: OUT,
};
const declarations = new Map(); // of LIBRARY and TYPES, by name

// text: of a program that has no folder; without it the files of `folder` are the program
function translate(name, folder, text) {
  const main = path.join(folder, name);
  const host = ts.createCompilerHost({ ...options });
  const { fileExists, readFile, directoryExists, getSourceFile } = host;
  const declares = (file) => file.startsWith(`${LIBRARY}/`) || file.startsWith(`${TYPES}/`);
  const open = (file) => declares(file) || (text === undefined && file.startsWith(`${folder}/`));
  const made = new Map();
  Object.assign(host, {
    getCurrentDirectory: () => folder,
    realpath: (file) => file,
    getDirectories: (of) => (of === TYPES ? ['node'] : []),
    directoryExists: (of) => open(`${of}/`) && directoryExists(of),
    fileExists: (file) => (file === main && text !== undefined) || (open(file) && fileExists(file)),
    readFile: (file) => (open(file) ? readFile(file) : undefined),
    getSourceFile(file, version, ...rest) {
      if (file === main && text !== undefined) return ts.createSourceFile(file, text, version);
      if (!open(file)) return undefined;
      if (!declares(file)) return getSourceFile(file, version, ...rest);
      if (!declarations.has(file)) declarations.set(file, getSourceFile(file, version, ...rest));
      return declarations.get(file);
    },
    writeFile: (file, content) => made.set(path.relative(OUT, file), content),
  });
  const program = ts.createProgram({ rootNames: [main], options: { ...options, rootDir: folder }, host });
  let found = ts.getPreEmitDiagnostics(program);
  if (!found.length) found = program.emit().diagnostics;
  const how = { getCanonicalFileName: (file) => file, getCurrentDirectory: () => folder, getNewLine: () => '\n' };
  return { code: found.length ? 1 : 0, said: ts.formatDiagnostics(found.slice(0, MOST), how), made };
}

function once(name) {
  const { code, said, made } = translate(name, process.cwd());
  fs.writeSync(2, said);
  for (const [file, content] of made) {
    const to = path.join('out', file);
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.writeFileSync(to, content);
  }
  process.exit(code);
}

function take(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const read = fs.readSync(0, bytes, at, length - at);
    if (!read) process.exit(0);
    at += read;
  }
  return bytes;
}

const number = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const frame = (text) => { const bytes = Buffer.from(text); return Buffer.concat([number(bytes.length), bytes]); };

function keep() {
  for (;;) {
    const name = take(take(4).readUInt32BE()).toString();
    const text = take(take(4).readUInt32BE()).toString();
    const { code, said, made } = translate(name, '/program', text);
    const answer = [number(code), frame(said), number(made.size)];
    for (const [file, content] of made) answer.push(frame(file), frame(content));
    const bytes = Buffer.concat(answer);
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
  }
}

if (process.argv[2] === '--keep') keep();
else once(process.argv[2]);
""".replace("@LIBRARY@", LIBRARY).replace("@TYPES@", TYPES)
# What no check reads of the package, which has tsc five times, goes; so do the messages in other languages.
PREPARE = (
    "set -e\n"
    f"/usr/bin/python3 -c 'import os; os.makedirs(\"{HARNESS}\")'\n"
    f"""while IFS= read -r line; do printf '%s\\n' "$line"; done > {SCRIPT} <<'END'\n{CHECK}END\n"""
    + _image.remove(
        *(f"{LIBRARY}/{name}" for name in (
            "tsc.js", "tsserver*", "typescriptServices*", "typingsInstaller.js", "protocol.d.ts", "*.json", "*/",
            "typescript.d.ts",
        )),
        "/usr/share/nodejs/typescript/loc",
    )
)  # fmt: skip
