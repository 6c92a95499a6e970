"""Certificates of Honor: one for each order whose credits are retired, and the honest answer to whoever checks one.

Owns: certificates with their versions, numbers and codes.
Consumes: offset.purchased, credits.retired, scene.published, project.listed, beneficiary.named.
Publishes: certificate.issued, certificate.revoked.
Serves: certificate page, PDF, card, verification; revocation by staff.
Never: changes what a certificate states; lets anything but a code open it; keeps a name that was erased.
"""
