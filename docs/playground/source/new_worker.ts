// Starts the worker, whose code is in the page as text: a page from the disk can load no other file.

/** Trusted Types, where the browser has them: without its policy, nothing in the page can start a worker or a script from text. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string };
}

/** The name that the page's Content-Security-Policy allows. */
const POLICY = "playground-worker";

let address: string | null = null;

export function newWorker(): Worker {
  address ??= workerAddress();
  return new Worker(address);
}

function workerAddress(): string {
  const code = document.getElementById("worker-code")?.textContent ?? "";
  const made = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { trustedTypes } = window as Window & { readonly trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return made;
  const rules = {
    createScriptURL: (text: string): string => {
      if (text !== made) throw new Error("only the page's own worker is started");
      return text;
    },
  };
  return trustedTypes.createPolicy(POLICY, rules).createScriptURL(made);
}
