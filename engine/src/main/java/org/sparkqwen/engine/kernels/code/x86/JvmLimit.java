package org.sparkqwen.engine.kernels.code.x86;

import java.lang.management.ManagementFactory;
import java.util.Optional;

/// The limit that someone has set on the vector instructions of the JVM's compiler.
final class JvmLimit {
    private static final String OPTION = "-XX:UseAVX=";

    private JvmLimit() {}

    /// The value of `-XX:UseAVX` among the options that this JVM was started with; the last one if there are
    /// several.
    static Optional<Integer> useAvx() {
        return Flag.VALUE;
    }

    private static final class Flag {
        static final Optional<Integer> VALUE = ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith(OPTION))
                .map(argument -> Integer.decode(argument.substring(OPTION.length())))
                .reduce((_, last) -> last);
    }
}
