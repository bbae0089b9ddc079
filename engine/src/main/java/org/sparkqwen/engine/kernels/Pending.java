package org.sparkqwen.engine.kernels;

/// An operation that was started, and whose results are in their arrays after [#await].
public interface Pending {
    /// An operation whose results are there.
    Pending DONE = new Pending() {
        @Override
        public boolean isDone() {
            return true;
        }

        @Override
        public void await() {}
    };

    /// Whether [#await] returns at once.
    boolean isDone();

    /// Waits until the results are in their arrays. It may be called from any thread, while other operations run.
    ///
    /// @throws DeviceException if the device could not compute them
    void await();
}
