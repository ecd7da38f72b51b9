// A real ClientHello, as this Node's TLS sends it to a server of that name.
import { Duplex } from "node:stream";
import { connect } from "node:tls";

export function realHello(servername: string): Promise<Buffer> {
  return new Promise((done, failed) => {
    const socket = new Duplex({
      read() {
        /* The server never answers. */
      },
      write(chunk: Buffer, _, next) {
        next();
        done(chunk);
        socket.destroy();
      },
    });
    const client = connect({ socket, servername, rejectUnauthorized: false });
    client.on("error", failed);
  });
}
