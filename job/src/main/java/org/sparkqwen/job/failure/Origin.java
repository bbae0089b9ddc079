package org.sparkqwen.job.failure;

/// Where a row of the input comes from.
///
/// @param file as Hadoop writes it; empty where the input does not lie in files
/// @param row number in the file, from 0, as its reader gives them
public record Origin(String file, long row) {
    public static final Origin UNKNOWN = new Origin("", -1);

    public boolean isKnown() {
        return !file.isEmpty();
    }

    /// `corpus/a.parquet row 17`.
    @Override
    public String toString() {
        return isKnown() ? "%s row %d".formatted(shortened(file), row) : "an unknown row";
    }

    /// A path for a person: a local one without its scheme.
    public static String shortened(String path) {
        return path.replaceFirst("^file:(//)?(?=/)", "");
    }
}
