package org.sparkqwen.engine.checkpoint;

/// An observer of gigabytes being packed, checked or copied.
public interface PackingProgress {
    /// Reports that the work begins.
    ///
    /// @param bytes number of bytes to process
    void start(long bytes);

    /// Reports that `bytes` more are done. Several threads call this at once.
    void advance(long bytes);
}
