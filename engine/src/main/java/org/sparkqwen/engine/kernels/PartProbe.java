package org.sparkqwen.engine.kernels;

/// What a thread of a [ThreadTeam] does between two parts of an operation, to measure the machine amid the work.
public interface PartProbe {
    /// Called after each part, by the thread that ran it.
    ///
    /// @param worker from 0 to threads - 1; no two calls run with the same worker at once
    void betweenParts(int worker);
}
