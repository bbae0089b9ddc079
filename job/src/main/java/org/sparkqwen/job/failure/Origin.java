package org.sparkqwen.job.failure;

/// The place in the input from which a row comes.
///
/// @param file the path as Hadoop writes it; empty where the input does not lie in files
/// @param row the row's number in the file, from 0, in the order of its reader
public record Origin(String file, long row) {
    public static final Origin UNKNOWN = new Origin("", -1);

    public boolean isKnown() {
        return !file.isEmpty();
    }

    /// Formats the origin, such as `corpus/a.parquet row 17`.
    @Override
    public String toString() {
        return isKnown() ? "%s row %d".formatted(shortened(file), row) : "an unknown row";
    }

    /// Shortens a path for a person: a local one loses its scheme.
    public static String shortened(String path) {
        return path.replaceFirst("^file:(//)?(?=/)", "");
    }
}
