package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The permission to use AMX's tile registers, which Linux gives to a process that asks for it. Their 8 kB are saved at
/// each change of threads while they are in use.
@SuppressWarnings("restricted") // the signature is that of the manual page
final class TilePermission {
    private static final long ARCH_PRCTL = 158; // the number of the system call
    private static final long REQUEST_COMPONENT = 0x1023; // ARCH_REQ_XCOMP_PERM
    private static final long TILE_DATA = 18; // XFEATURE_XTILEDATA

    private TilePermission() {}

    /// The reason why this process may not use tile registers; empty if it may.
    static Optional<String> obstacle() {
        return Request.OBSTACLE;
    }

    private static Optional<String> requested() {
        Linker linker = Linker.nativeLinker();
        MethodHandle systemCall = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                Linker.Option.firstVariadicArg(1));
        try {
            long failed = (long) systemCall.invokeExact(ARCH_PRCTL, REQUEST_COMPONENT, TILE_DATA);
            return failed == 0
                    ? Optional.empty()
                    : Optional.of("the system refuses AMX's tile registers; it needs Linux 5.16 or later");
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) { // as invokeExact declares
            throw new IllegalStateException(e);
        }
    }

    /// The result of the request, which is made once.
    private static final class Request {
        static final Optional<String> OBSTACLE = requested();
    }
}
