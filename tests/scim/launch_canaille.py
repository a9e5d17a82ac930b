"""Starts Canaille, as its own command does, with two things set that it has no setting for.

It runs in Canaille's own Python environment; its arguments are those of `canaille`.
"""

from scim2_models import ScimPolicy

# It names attributes that a server may not have, such as `password`; its library then refuses to send anything.
ScimPolicy(unknown=ScimPolicy.Unknown.ignore).__enter__()

import canaille.scim.casting  # noqa: E402

# It sends the version of its own copy as If-Match to every server that has ETags. None can know that version.
canaille.scim.casting.make_etag = lambda _model: None

from canaille.commands import cli  # noqa: E402

cli()
