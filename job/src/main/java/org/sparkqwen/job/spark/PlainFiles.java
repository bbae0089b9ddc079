package org.sparkqwen.job.spark;

import java.io.InputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.execution.datasources.CodecStreams;

/// Files as Spark reads them: without compression, if their names say how they are compressed.
public final class PlainFiles {
    private PlainFiles() {}

    /// Opens a file. In a task, it is closed when the task ends.
    public static InputStream open(Configuration hadoop, Path path) {
        return CodecStreams.createInputStreamWithCloseResource(hadoop, path);
    }
}
