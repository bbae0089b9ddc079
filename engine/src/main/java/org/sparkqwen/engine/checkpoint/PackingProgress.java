package org.sparkqwen.engine.checkpoint;

/// Who watches gigabytes being packed or checked.
public interface PackingProgress {
    /// The work begins.
    ///
    /// @param bytes of all tensors
    void start(long bytes);

    /// So many bytes more are done. Several threads call it at once.
    void advance(long bytes);
}
