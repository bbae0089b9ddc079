package org.sparkqwen.job.spark;

import java.net.URI;
import org.apache.hadoop.fs.Path;
import org.apache.spark.rdd.InputFileBlockHolder;

/// The file whose rows a task's scan gives now. Spark knows it in the task, so that a stage need not send the names of
/// all files of an input, which may be a million, to each executor.
public final class CurrentFile {
    private CurrentFile() {}

    /// Returns the path, as Hadoop writes it.
    public static String path() {
        return new Path(URI.create(InputFileBlockHolder.getInputFilePath().toString())).toString();
    }

    /// Returns whether the split begins where its file begins.
    public static boolean startsAtItsBeginning() {
        return InputFileBlockHolder.getStartOffset() == 0;
    }
}
