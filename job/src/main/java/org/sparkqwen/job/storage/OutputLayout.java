package org.sparkqwen.job.storage;

/// The names of what an output directory has beside the data. Spark's readers skip them.
public final class OutputLayout {
    /// The directory of a run's state, which a restart needs.
    public static final String STATE = "_spark_qwen";

    /// The directory of rejected rows, with `--on-error drop`.
    public static final String ERRORS = "_errors";

    /// The directory of the rows that a run has copied from a table or a query, until they are done.
    public static final String INPUT = "_input";

    /// The directory of the scored rows of a run with buckets, until all rows have their bucket.
    public static final String SCORED = "_scored";

    /// The directory within [#SCORED] that has the rows. Spark warns of a path whose last name has an underscore.
    public static final String SCORED_ROWS = SCORED + "/rows";

    /// The file that says what a run did.
    public static final String MANIFEST = "_run.json";

    /// The file that shows a run to a person, in a browser.
    public static final String REPORT = "_report.html";

    private OutputLayout() {}
}
