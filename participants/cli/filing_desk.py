"""How a lender's commands put signed documents into the log, and read what others have put there."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from consortium.membership.signed import sign_document
from consortium.supervision.documents import FORMS, Filing, FilingKind
from participants.bootstrap import open_rulebook, open_tls, own_signer
from participants.composition import gateway_addresses
from participants.gateway_client.supervision import SupervisionClient
from participants.settings import NodeSettings


class FilingDesk:
    """A lender's way to file; `rulebook` is the one in force."""

    def __init__(self, settings: NodeSettings, client: SupervisionClient) -> None:
        self.rulebook = open_rulebook(settings, int(time.time()))
        self.member, self.client = settings.file.member, client
        self.consortium = self.rulebook.document.consortium
        self._signer = own_signer(settings, self.rulebook.active_member(self.member))

    def file(self, kind: FilingKind, filing: Filing) -> int:
        """Sign and file a document; gives its entry's index."""
        return self.client.file(kind, sign_document(self._signer, FORMS[kind][1], filing))


@contextmanager
def filing_desk(node: Path) -> Iterator[FilingDesk]:
    """Open the way to the gateway; raises CreditError where it cannot be reached."""
    settings = NodeSettings(node)
    with closing(SupervisionClient(gateway_addresses(settings)[0], open_tls(settings))) as client:
        yield FilingDesk(settings, client)
