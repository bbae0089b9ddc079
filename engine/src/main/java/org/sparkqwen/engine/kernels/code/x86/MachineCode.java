package org.sparkqwen.engine.kernels.code.x86;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Optional;

/// A function in machine code, whose only argument is the address of its operands.
///
/// The code is written into fresh memory of mmap(2), which mprotect(2) then makes executable and no longer writable. At
/// no time is it both. It stays until the JVM ends: it is some tens of kilobytes, and all kernels share it.
///
/// A call costs some ten nanoseconds, because the JVM does not tell its garbage collector about it. The collector waits
/// until the function returns, so a call should take no longer than a millisecond.
@SuppressWarnings("restricted") // signatures are those of the manual pages, on 64 bits; the code is our own
public final class MachineCode {
    private static final int PROT_READ_WRITE = 3;
    private static final int PROT_READ_EXECUTE = 5;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
    private static final long MAP_FAILED = -1;

    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private final MemorySegment entry;

    private MachineCode(MemorySegment entry) {
        this.entry = entry;
    }

    /// The reason why this JVM cannot run machine code of its own, in words that say what to do; empty if it can.
    public static Optional<String> obstacle() {
        return Trial.OBSTACLE;
    }

    private static Optional<String> tried() {
        try {
            Assembler nothing = new Assembler();
            nothing.ret();
            of(nothing.code()).call(0);
            return Optional.empty();
        } catch (IllegalCallerException _) { // of the linker
            return Optional.of("the JVM may call nothing native; start it with --enable-native-access=ALL-UNNAMED");
        } catch (IllegalStateException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /// Makes code executable.
    ///
    /// @param code a function of Linux's calling convention that does not depend on its place
    /// @throws IllegalStateException if the system refuses executable memory, with the reason
    public static MachineCode of(byte[] code) {
        Linker linker = Linker.nativeLinker();
        Linker.Option errno = Linker.Option.captureCallState("errno");
        MethodHandle mmap = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("mmap"),
                FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG),
                errno);
        MethodHandle mprotect = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("mprotect"),
                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT),
                errno);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long size = code.length;
            MemorySegment mapped = (MemorySegment)
                    mmap.invokeExact(state, MemorySegment.NULL, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            require(mapped.address() != MAP_FAILED, "mmap", state);
            MemorySegment.copy(MemorySegment.ofArray(code), 0, mapped.reinterpret(size), 0, size);
            int failed = (int) mprotect.invokeExact(state, mapped, size, PROT_READ_EXECUTE);
            require(failed == 0, "mprotect", state);
            return new MachineCode(mapped);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) { // as invokeExact declares
            throw new IllegalStateException(e);
        }
    }

    private static void require(boolean done, String function, MemorySegment state) {
        if (!done) {
            throw new IllegalStateException("the system refuses executable memory: %s gave errno %d"
                    .formatted(function, (int) ERRNO.get(state, 0L)));
        }
    }

    public long address() {
        return entry.address();
    }

    /// Runs the function.
    ///
    /// @param operands address of what the function reads; everything behind it was checked before
    public void call(long operands) {
        try {
            Call.HANDLE.invokeExact(entry, operands);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) { // as invokeExact declares
            throw new IllegalStateException(e);
        }
    }

    /// The handle of all calls, a constant to the compiler. It is made when it is first used, because a JVM may
    /// forbid native calls.
    private static final class Call {
        static final MethodHandle HANDLE = Linker.nativeLinker()
                .downcallHandle(FunctionDescriptor.ofVoid(JAVA_LONG), Linker.Option.critical(false));
    }

    /// The result of a trial, which is the same at each time.
    private static final class Trial {
        static final Optional<String> OBSTACLE = tried();
    }
}
