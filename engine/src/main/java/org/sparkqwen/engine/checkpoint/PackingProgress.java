package org.sparkqwen.engine.checkpoint;

/// Who watches gigabytes being packed, checked or copied.
public interface PackingProgress {
    /// The work begins.
    ///
    /// @param bytes that are to be done
    void start(long bytes);

    /// So many bytes more are done. Several threads call it at once.
    void advance(long bytes);
}
