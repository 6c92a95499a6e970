"""The boards: who made how much carbon neutral, counted from the stream of events alone.

Owns: nothing that the stream does not say; boards are a fold of it.
Consumes: scene.published, footprint.calculated, certificate.issued, certificate.revoked, beneficiary.named.
Publishes: nothing.
Serves: boards, my rank, around me, the live wall, rebuilds.
Never: counts a deed without a certificate; shows a person's mass, or a name, that the person did not choose to show.
"""
