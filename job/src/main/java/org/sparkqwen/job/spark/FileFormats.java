package org.sparkqwen.job.spark;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.DataSource;
import org.apache.spark.sql.execution.datasources.FileFormat;
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat;
import org.apache.spark.sql.execution.datasources.v2.FileDataSourceV2;
import org.apache.spark.sql.types.DataType;

/// The file formats that Spark reads and writes.
public final class FileFormats {
    /// Parquet as files, even where the session's settings have Spark read it by a source that does not name its
    /// files.
    public static final String PARQUET_FILES = ParquetFileFormat.class.getName();

    private FileFormats() {}

    /// Returns whether Spark writes columns of a type in a format.
    ///
    /// @param name the format's name, such as `parquet`
    public static boolean holds(SparkSession session, String name, DataType type) {
        try {
            Object source = DataSource.lookupDataSource(
                            name, session.sessionState().conf())
                    .getConstructor()
                    .newInstance();
            FileFormat format = source instanceof FileDataSourceV2 second
                    ? second.fallbackFileFormat().getConstructor().newInstance()
                    : (FileFormat) source;
            return format.supportDataType(type);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
