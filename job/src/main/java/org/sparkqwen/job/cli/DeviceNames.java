package org.sparkqwen.job.cli;

import org.sparkqwen.job.model.DeviceChoice;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Reads the name of a device on the command line.
final class DeviceNames implements ITypeConverter<DeviceChoice> {
    @Override
    public DeviceChoice convert(String name) {
        try {
            return DeviceChoice.parse(name);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
