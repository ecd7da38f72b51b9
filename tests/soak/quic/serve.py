# A QUIC server: answers each stream by as many bytes as it requests. Arguments: the folder of the packages, certificate, key, port.
import asyncio
import sys

sys.path.insert(0, sys.argv[1])
from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration

PIECE = bytes(range(256)) * 256


async def answer(reader, writer):
    left = int(await reader.read())
    while left > 0:
        writer.write(PIECE[:left])
        left -= len(PIECE)
        await writer.drain()
    writer.write_eof()


async def main():
    certificate, key, port = sys.argv[2], sys.argv[3], int(sys.argv[4])
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["bytes"], max_datagram_size=1400)
    configuration.load_cert_chain(certificate, key)
    await serve("127.0.0.1", port, configuration=configuration, stream_handler=lambda r, w: asyncio.ensure_future(answer(r, w)))
    print("up", flush=True)
    await asyncio.Future()


asyncio.run(main())
