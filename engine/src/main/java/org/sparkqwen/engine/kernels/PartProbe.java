package org.sparkqwen.engine.kernels;

/// A measurement of the machine that a thread of a [ThreadTeam] takes between two parts of an operation, amid the work.
public interface PartProbe {
    /// Measures, or does nothing; the thread calls it after each part that it ran.
    ///
    /// @param worker from 0 to threads - 1; no two calls run with the same worker at once
    void betweenParts(int worker);
}
