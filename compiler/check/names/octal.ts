// Numbers with a leading zero: many programs read them as octal.

/** Whether the digits are another number if they are read as octal: `010` is 8 or 10, `08` and `01` are one number. */
export function isOctalToo(digits: string): boolean {
  return /^0[0-7]+$/.test(digits) && Number(`0o${digits}`) !== Number(digits);
}
