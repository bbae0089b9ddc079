package org.sparkqwen.job.cli;

import java.util.Locale;
import org.sparkqwen.engine.kernels.KernelChoice;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Reads the name of a back-end on the command line, in upper or lower case.
final class KernelNames implements ITypeConverter<KernelChoice> {
    @Override
    public KernelChoice convert(String name) {
        try {
            return new KernelChoice(name.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
