package org.sparkqwen.job.input;

import java.io.Serializable;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;

/// The session's settings for the types of Parquet files, because tasks do not have them by themselves.
record ParquetReading(
        boolean binaryAsString,
        boolean int96AsTimestamp,
        boolean caseSensitive,
        boolean inferTimestampNtz,
        boolean nanosAsLong)
        implements Serializable {

    static ParquetReading of(SQLConf conf) {
        return new ParquetReading(
                conf.isParquetBinaryAsString(),
                conf.isParquetINT96AsTimestamp(),
                conf.caseSensitiveAnalysis(),
                conf.parquetInferTimestampNTZEnabled(),
                conf.legacyParquetNanosAsLong());
    }

    ParquetToSparkSchemaConverter converter() {
        return new ParquetToSparkSchemaConverter(
                binaryAsString,
                int96AsTimestamp,
                caseSensitive,
                inferTimestampNtz,
                nanosAsLong,
                false,
                ParquetToSparkSchemaConverter.$lessinit$greater$default$7(),
                ParquetToSparkSchemaConverter.$lessinit$greater$default$8());
    }
}
