// The bound on what a flow sends its client: a source can be forged, and then the answers go to a host that sent nothing.
//
//   amplify N     at most N times the bytes that came, and always one whole datagram for each that came
//   amplify any   everything: the protocol proves the address of its clients itself

export type Amplify = number | "any";

/** Of one flow, until now. */
export interface Traffic {
  readonly bytesIn: number;
  readonly datagramsIn: number;
  readonly bytesOut: number;
  readonly datagramsOut: number;
}

/** Whether an answer of so many bytes may go to the client. */
export function mayAnswer(amplify: Amplify, { bytesIn, datagramsIn, bytesOut, datagramsOut }: Traffic, bytes: number): boolean {
  return amplify === "any" || datagramsOut < datagramsIn || bytesOut + bytes <= amplify * bytesIn;
}
