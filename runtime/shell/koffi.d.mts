export function loadKoffi(): unknown;
