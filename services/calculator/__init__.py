"""The calculator: what a visit to a scene emitted, line by line, with the factors of one frozen release.

Owns: scenes, factor releases, footprints.
Consumes: project.listed, certificate.issued, certificate.revoked.
Publishes: scene.published, footprint.calculated.
Serves: scenes, forms and footprints; pages: home, scene, calculator, result.
Never: knows a name, a price paid or a serial; decides what is neutralised.
"""
