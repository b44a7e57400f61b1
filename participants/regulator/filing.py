"""Filing as a regulator: documents signed by its identity key, the use of the audit key logged before it is used."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from consortium.membership.signed import sign_document
from consortium.supervision.documents import FORMS, AuditKeyUse, Filing, FilingKind, KeyPurpose
from participants.gateway_client.supervision import SupervisionClient
from participants.regulator.serving import first_rulebook, tls_of
from participants.regulator.settings import RegulatorSettings


class FilingOffice:
    """One regulator's way to file; `client` is open."""

    def __init__(self, settings: RegulatorSettings, client: SupervisionClient) -> None:
        self.settings = settings
        self.client = client
        self.member = settings.file.member
        self.consortium = first_rulebook(settings).document.consortium

    def file(self, kind: FilingKind, document: Filing) -> int:
        """Sign and file a document; gives its entry's index."""
        return self.client.file(kind, sign_document(self.settings.identity(), FORMS[kind][1], document))

    def log_key_use(self, purpose: KeyPurpose, reference: str) -> int:
        """Put into the log that the audit key is about to be used."""
        use = AuditKeyUse(
            consortium=self.consortium,
            regulator=self.member,
            purpose=purpose,
            reference=reference,
            used_at=int(time.time()),
        )
        return self.file(FilingKind.KEY_USE, use)


@contextmanager
def filing_office(settings: RegulatorSettings) -> Iterator[FilingOffice]:
    """Open the way to the gateway; raises CreditError where it cannot be reached."""
    with closing(SupervisionClient(settings.file.gateway.addresses[0], tls_of(settings))) as client:
        yield FilingOffice(settings, client)
