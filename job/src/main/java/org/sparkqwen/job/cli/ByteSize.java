package org.sparkqwen.job.cli;

import org.apache.spark.network.util.JavaUtils;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// A size as Spark's own options write it, such as `512m` or `2g`. A bare number is bytes.
final class ByteSize implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
        try {
            long bytes = JavaUtils.byteStringAsBytes(text);
            if (bytes > 0) {
                return bytes;
            }
        } catch (NumberFormatException e) {
            // continue to the message below, which is shorter than Spark's
        }
        throw new TypeConversionException("'%s' is not a size above 0; write 512m or 2g".formatted(text));
    }
}
