package org.sparkqwen.job.run;

import java.util.List;
import java.util.Set;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.Piece;
import org.sparkqwen.job.input.Split;

/// Decides which rows a run takes on, before it does.
interface Intake {
    /// Takes on all rows.
    Intake ALL = new Intake() {};

    /// Looks at the rows of a run before its first interval.
    ///
    /// @param pieces all rows of the run
    /// @throws RuntimeException with one line for a person, if the run cannot do them
    default void check(InputScan scan, List<Piece> pieces) {}

    /// Looks at splits of the input before they become part of the run.
    ///
    /// @throws RuntimeException with one line for a person, if the run cannot do them
    default void check(Set<Split> splits) {}
}
