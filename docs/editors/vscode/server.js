// Where `ingressc` is, and what is said if it is nowhere.
const { accessSync, constants, statSync } = require("node:fs");
const { delimiter, isAbsolute, join } = require("node:path");

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The file of a program: of a name the first in `path` (the variable PATH), of an absolute path itself. Null if there is none, and
 * for a relative path, because no folder is meant by it.
 *
 * @param {string} program
 * @param {string} path
 * @returns {string | null}
 */
function findServer(program, path) {
  if (isAbsolute(program)) return isProgram(program) ? program : null;
  if (program === "" || /[/\\]/.test(program)) return null;
  const folders = path.split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, program)).find(isProgram) ?? null;
}

/** @param {string} program */
function notFound(program) {
  const where = isAbsolute(program) ? "is no program that can be started" : "is not in PATH";
  return `\`${program}\` ${where}. Install ingressd, or set ingressd.server.path to the absolute path of ingressc. Until then, policies are highlighted and not checked.`;
}

module.exports = { findServer, notFound };
