"""The driver of programs in JavaScript whose function the judge calls (`CallTests`): it speaks the judge's frames.

It stands in the program's process, as hostile as the program is, and decides nothing: it passes on what is asked and
what is answered. An answer counts with the nonce of its question alone; the first nonce comes through a pipe that is
closed before the program is there, the others with their questions. What the driver needs of the language is taken
before the program is loaded, so that a program which changes `JSON` or a prototype changes its own values alone.

Data crosses: null, booleans, numbers, strings, arrays, plain objects, integers of any size. undefined becomes None,
a promise what it comes to; all else is opaque, equal to nothing.
"""

from __future__ import annotations

DRIVER_FILE = "harness_driver.js"
DRIVER = r"""
'use strict';
const fs = require('fs');
const vm = require('vm');
const { createRequire } = require('module');
const { readSync, writeSync } = fs;
const uncurried = Function.prototype.bind.bind(Function.prototype.call);
const toText = uncurried(Buffer.prototype.toString);
const part = uncurried(Buffer.prototype.subarray);
const slice = uncurried(String.prototype.slice);
const has = uncurried(Object.prototype.hasOwnProperty);
const tests = uncurried(RegExp.prototype.exec);
const hex = uncurried(BigInt.prototype.toString);
const { stringify, parse } = JSON;
const { keys, getPrototypeOf, defineProperty, prototype: plain } = Object;
const { isArray, prototype: list } = Array;
const { isSafeInteger } = Number;
const { apply } = Reflect;
const fromText = Buffer.from;
const newBytes = Buffer.allocUnsafe;
const wait = Atomics.wait;
const forever = new Int32Array(new SharedArrayBuffer(4));
const Text = String;
const Thrown = Error;
const CHANNEL = 3, NONCE = 5, MAX_BYTES = 64 * 2 ** 20, MAX_DEPTH = 200, DETAIL = 500;
const NAMES = { __proto__: null, TypeError: 'TypeError', RangeError: 'ValueError', ReferenceError: 'NameError' };

function read(size) {
  const data = newBytes(size);
  for (let at = 0; at < size;) {
    const got = readSync(CHANNEL, data, at, size - at);
    if (got === 0) wait(forever, 0, 0); // the judge has enough: the end comes from outside
    at += got;
  }
  return data;
}

function receive() {
  const head = read(4);
  return parse(toText(read(head[0] * 2 ** 24 + head[1] * 2 ** 16 + head[2] * 2 ** 8 + head[3]), 'utf8'));
}

function send(nonce, body) {
  const text = `["${nonce}",${body}]`;
  const payload = fromText(text, 'utf8');
  if (payload.length > MAX_BYTES) return send(nonce, '"unfit","more than 64 MiB of text"');
  const data = newBytes(payload.length + 4);
  for (let at = 0; at < 4; at++) data[at] = (payload.length >>> (24 - 8 * at)) & 255;
  for (let at = 0; at < payload.length; at++) data[at + 4] = payload[at];
  for (let at = 0; at < data.length;) at += writeSync(CHANNEL, data, at, data.length - at);
}

const own = { __proto__: null, writable: true, enumerable: true, configurable: true };

function unpacked(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = unpacked(value[at]);
    return value;
  }
  if (has(value, 'x')) return value.x === 'nan' ? NaN : value.x === 'inf' ? Infinity : -Infinity;
  const made = {};
  for (let at = 0; at < value.d.length; at++) {
    defineProperty(made, value.d[at][0], { ...own, value: unpacked(value.d[at][1]) });
  }
  return made;
}

function kindOf(value) {
  let name = 'object';
  try {
    name = typeof value === 'object' ? Text(value.constructor.name) : typeof value;
  } catch { /* a getter of the program's */ }
  return stringify(tests(/^[A-Za-z_]\w{0,60}$/, name) ? name : 'object');
}

function packed(value, depth) {
  switch (typeof value) {
    case 'undefined': return 'null';
    case 'boolean': return value ? 'true' : 'false';
    case 'string': return stringify(value);
    case 'bigint': return `{"i":"${value < 0n ? '-' : ''}0x${hex(value < 0n ? -value : value, 16)}"}`;
    case 'number': {
      if (value !== value) return 'NaN';
      if (isSafeInteger(value)) return value === 0 && 1 / value < 0 ? '-0.0' : `${value}`;
      const text = `${value}`;
      return value === Infinity || value === -Infinity || tests(/[.e]/, text) ? text : `${text}.0`;
    }
    case 'object': break;
    default: return `{"o":${kindOf(value)}}`;
  }
  if (value === null) return 'null';
  if (depth > MAX_DEPTH) throw packed;
  let text = '';
  if (isArray(value)) {
    const { length } = value;
    for (let at = 0; at < length; at++) text += `${at ? ',' : ''}${packed(value[at], depth + 1)}`;
    return `[${text}]`;
  }
  const above = getPrototypeOf(value);
  if (above !== plain && above !== null) return `{"o":${kindOf(value)}}`;
  const names = keys(value);
  for (let at = 0; at < names.length; at++) {
    text += `${at ? ',' : ''}[${stringify(names[at])},${packed(value[names[at]], depth + 1)}]`;
  }
  return `{"d":[${text}]}`;
}

function described(error) {
  let name = '', text = '';
  try {
    name = error instanceof Thrown ? Text(error.name) : '';
    text = error instanceof Thrown ? Text(error.message) : Text(error);
  } catch { /* its own text fails */ }
  return { name: slice(name, 0, 80), text: slice(text, 0, DETAIL) };
}

function failed(nonce, phase, error) {
  const { name, text } = described(error);
  const line = slice(name ? `${name}: ${text}` : text, 0, DETAIL);
  send(nonce, `"failed","${phase}",${stringify(name || 'Error')},${stringify(line)}`);
  process.exitCode = 1;
}

function load(entry, nonce) {
  const source = readText('main.js');
  let found;
  const ending = `\n;__harness_take(typeof ${entry} === 'undefined' ? undefined : ${entry});`;
  const here = `${process.cwd()}/main.js`;
  const module = { exports: {}, filename: here };
  const names = ['exports', 'require', 'module', '__filename', '__dirname', '__harness_take'];
  let program;
  try {
    program = vm.compileFunction(source + ending, names, { filename: 'main.js' });
  } catch (error) {
    failed(nonce, 'compile', error);
    return null;
  }
  try {
    const given = [module.exports, createRequire(here), module, here, process.cwd(), (value) => { found = value; }];
    apply(program, module.exports, given);
    if (typeof found !== 'function' && module.exports) found = module.exports[entry];
    if (typeof found !== 'function') throw new ReferenceError(`it does not define a function ${entry}`);
  } catch (error) {
    failed(nonce, 'program', error);
    return null;
  }
  return found;
}

function readText(name) {
  return fs.readFileSync(name, 'utf8');
}

async function serve() {
  const secret = newBytes(64);
  let nonce = toText(part(secret, 0, readSync(NONCE, secret)), 'latin1');
  fs.closeSync(NONCE);
  secret.fill(0);
  const [, , entry] = process.argv;
  process.argv.splice(1, 2, `${process.cwd()}/main.js`);
  const program = load(entry, nonce);
  if (program === null) return;
  send(nonce, '"ready"');
  for (;;) {
    const question = receive();
    nonce = question[0];
    let answer;
    try {
      if (question[4].d.length) throw new TypeError('a function in JavaScript has no keyword arguments');
      let value = apply(program, undefined, unpacked(question[3]));
      if (typeof value === 'object' && value !== null && typeof value.then === 'function') value = await value;
      answer = `"value",${packed(value, 0)}`;
    } catch (error) {
      if (error === packed) {
        answer = '"unfit","it nests too deep, or holds itself"';
      } else {
        const { name, text } = described(error);
        const line = slice(name ? `${name}: ${text}` : text, 0, DETAIL);
        answer = `"error",${stringify(NAMES[name] || '')},${stringify(line)},[${stringify(text)}]`;
      }
    }
    send(nonce, answer);
  }
}
serve();
"""
