package org.sparkqwen.job.input;

import java.io.Serializable;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;

/// How a session takes the types of Parquet files. Tasks do not have the session's settings by themselves.
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
