// Where `ingressc` is, whether it is a language server, and what is said if not.
const { execFile } = require("node:child_process");
const { accessSync, constants, statSync } = require("node:fs");
const { homedir } = require("node:os");
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

const UNTIL_THEN = "Until then, policies are highlighted and not checked.";

/** @param {string} program */
function notFound(program) {
  const why =
    isAbsolute(program) ? "is no program that can be started"
    : program === "" || /[/\\]/.test(program) ? "is neither a name nor an absolute path"
    : "is not in PATH";
  return `\`${program}\` ${why}. Install ingressd, or set ingressd.server.path to the absolute path of ingressc. ${UNTIL_THEN}`;
}

/** An answer takes a small part of a second. */
const ANSWERS_WITHIN_MS = 15_000;

/**
 * Whether `COMMAND lsp` is the language server, as its help says: null if it is, else a message. A program that the protocol's
 * client starts, and that ends at once, would be started five times, each time with messages of the client's own.
 *
 * @param {string} command
 * @returns {Promise<string | null>}
 */
function whyNoServer(command, withinMs = ANSWERS_WITHIN_MS) {
  return new Promise((resolve) => {
    const done = (why) => {
      clearTimeout(timer);
      resolve(why === null ? null : `\`${command} lsp\` ${why}. Update ingressd, or set ingressd.server.path to another ingressc. ${UNTIL_THEN}`);
    };
    const child = execFile(command, ["lsp", "--help"], { cwd: homedir() }, (error, stdout, stderr) => {
      if (error === null && stdout.startsWith("ingressc lsp: ")) return done(null);
      const [said = ""] = (stderr.trim() || stdout.trim()).split("\n");
      const ended =
        error === null ? "is not the language server"
        : typeof error.code === "number" ? `ended with exit code ${error.code}`
        : `did not start (${error.code ?? error.signal ?? error.message})`;
      done(said === "" ? ended : `${ended} and said "${said.slice(0, 200)}"`);
    });
    child.stdin?.on("error", () => undefined).end();
    // A program that it has started itself may still have its output open.
    const timer = setTimeout(() => {
      done(`did not answer within ${withinMs / 1000} s`);
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, withinMs);
  });
}

module.exports = { findServer, notFound, whyNoServer };
