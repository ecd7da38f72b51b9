# A QUIC client: requests bytes and prints how many came, and their hash. Arguments: the folder of the packages, authority, port, bytes.
import asyncio
import hashlib
import sys

sys.path.insert(0, sys.argv[1])
from aioquic.asyncio import connect
from aioquic.quic.configuration import QuicConfiguration

MIB = 1024 * 1024


async def main():
    authority, port, wanted = sys.argv[2], int(sys.argv[3]), sys.argv[4]
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["bytes"], server_name="www.example.com", max_data=16 * MIB, max_stream_data=16 * MIB)
    configuration.load_verify_locations(authority)
    async with connect("127.0.0.1", port, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        writer.write(wanted.encode())
        writer.write_eof()
        count, digest = 0, hashlib.sha256()
        while piece := await reader.read(MIB):
            count += len(piece)
            digest.update(piece)
    print(count, digest.hexdigest(), flush=True)


asyncio.run(main())
