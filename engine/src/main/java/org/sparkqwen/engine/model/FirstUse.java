package org.sparkqwen.engine.model;

/// A check that runs before the first use of something. Once it has passed, it never runs again and costs nothing.
final class FirstUse {
    private final Runnable check;
    private volatile boolean passed;

    /// @param check throws if the thing must not be used
    FirstUse(Runnable check) {
        this.check = check;
    }

    /// Returns when the check has passed. Several threads may call at once, and none continues before that.
    void check() {
        if (!passed) {
            synchronized (this) {
                if (!passed) {
                    check.run();
                    passed = true;
                }
            }
        }
    }
}
