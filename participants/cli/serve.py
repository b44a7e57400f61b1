"""`credit-participant serve`: attach to the gateway, answer, and open the local service until a signal says stop."""

from participants.cli.output import NodeOption
from participants.cli.passphrase import PresentOption
from participants.cli.serving import serve_folder
from participants.serving import LenderServer
from participants.settings import NodeSettings


def serve(node: NodeOption, passphrase_file: PresentOption = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    serve_folder(lambda: NodeSettings(node).file.log_level, lambda: LenderServer(node), passphrase_file)
