package org.sparkqwen.engine.testing;

import org.sparkqwen.engine.checkpoint.PackingProgress;

/// Progress of packing that nobody watches.
public final class Unwatched implements PackingProgress {
    @Override
    public void start(long bytes) {}

    @Override
    public void advance(long bytes) {}
}
