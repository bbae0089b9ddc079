package org.sparkqwen.engine.kernels.code;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.VMOption;
import java.lang.management.ManagementFactory;
import java.util.Optional;

/// The limit that someone has set on the vector instructions of the JVM's compiler.
final class JvmLimit {
    private JvmLimit() {}

    /// The value of `-XX:UseAVX`, if it was set and not chosen by the JVM itself.
    static Optional<Integer> useAvx() {
        return Flag.VALUE;
    }

    private static final class Flag {
        static final Optional<Integer> VALUE = read();

        private static Optional<Integer> read() {
            HotSpotDiagnosticMXBean diagnostic = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
            if (diagnostic == null) { // in a JVM that is not HotSpot
                return Optional.empty();
            }
            try {
                VMOption option = diagnostic.getVMOption("UseAVX");
                return switch (option.getOrigin()) {
                    case DEFAULT, ERGONOMIC -> Optional.empty();
                    default -> Optional.of(Integer.valueOf(option.getValue()));
                };
            } catch (IllegalArgumentException _) { // no such option: not on x86-64
                return Optional.empty();
            }
        }
    }
}
