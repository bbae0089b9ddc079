package org.sparkqwen.job.cli;

import java.util.Locale;
import org.sparkqwen.engine.kernels.Precision;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Reads the name of a precision on the command line, in upper or lower case.
final class PrecisionNames implements ITypeConverter<Precision> {
    @Override
    public Precision convert(String name) {
        try {
            return Precision.of(name.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
