package org.sparkqwen.job.input;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;

/// The footer of a Parquet file.
final class ParquetFooter {
    private ParquetFooter() {}

    /// Reads the columns of a file.
    ///
    /// @throws IOException if the file cannot be read
    /// @throws RuntimeException if it is no Parquet file
    static MessageType schema(String path, Configuration hadoop) throws IOException {
        // Without options the reader parses Hadoop's default configuration for each file, which takes a millisecond.
        try (ParquetFileReader file = ParquetFileReader.open(
                HadoopInputFile.fromPath(new Path(path), hadoop),
                HadoopReadOptions.builder(hadoop).build())) {
            return file.getFooter().getFileMetaData().getSchema();
        }
    }
}
