package org.sparkqwen.job.spark;

import java.io.Serializable;
import java.util.function.Function;
import org.apache.parquet.schema.MessageType;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.StructType;

/// The session's settings for the types of Parquet files, because tasks do not have them by themselves.
public record ParquetSchemas(
        boolean binaryAsString,
        boolean int96AsTimestamp,
        boolean caseSensitive,
        boolean inferTimestampNtz,
        boolean nanosAsLong)
        implements Serializable {

    public static ParquetSchemas of(SparkSession session) {
        SQLConf conf = session.sessionState().conf();
        return new ParquetSchemas(
                conf.isParquetBinaryAsString(),
                conf.isParquetINT96AsTimestamp(),
                conf.caseSensitiveAnalysis(),
                conf.parquetInferTimestampNTZEnabled(),
                conf.legacyParquetNanosAsLong());
    }

    /// Returns a function that converts a Parquet schema as Spark's reader does. It throws Spark's exceptions for
    /// types that Spark does not read, and some of those are checked.
    public Function<MessageType, StructType> converter() {
        return new ParquetToSparkSchemaConverter(
                binaryAsString,
                int96AsTimestamp,
                caseSensitive,
                inferTimestampNtz,
                nanosAsLong,
                false,
                ParquetToSparkSchemaConverter.$lessinit$greater$default$7(),
                ParquetToSparkSchemaConverter.$lessinit$greater$default$8())::convert;
    }
}
