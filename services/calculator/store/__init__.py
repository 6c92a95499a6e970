"""What the calculator remembers in MongoDB: scenes, footprints, the running figures of scenes, and copies."""
