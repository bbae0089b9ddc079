package org.sparkqwen.engine.model;

/// A check that runs before the first use of something, once it has passed never again, and then costs nothing.
final class FirstUse {
    private final Runnable check;
    private volatile boolean passed;

    /// @param check throws if the thing must not be used
    FirstUse(Runnable check) {
        this.check = check;
    }

    /// Several threads may come at once; none goes on before the check has passed.
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
