package org.sparkqwen.engine.kernels.code.x86;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Instructions in Intel's syntax, brought to the methods of [Assembler] that have their names.
final class AssemblyText {
    private static final Pattern MEMORY = Pattern.compile("\\[(\\w+?)(?:\\+(\\w+)\\*(\\d))?([+-]\\d+)?](\\{1to16})?");

    /// The methods for instructions on 256 bits whose names lack the size of a number.
    private static final Map<String, String> NAMES = Map.of("vpand", "vpandd", "vpor", "vpord", "vpxor", "vpxord");

    private AssemblyText() {}

    static byte[] encode(String text) {
        String[] parts = text.replace("dword ptr ", "")
                .replaceFirst("\\{k(\\d)}\\{z}", ", k$1")
                .split(" ", 2);
        List<Object> operands = new ArrayList<>();
        if (parts.length > 1) {
            // A ymm register beside a zmm register is the lower half of one, for which there is no other type.
            String registers = parts[1].contains("zmm") ? parts[1].replace("ymm", "zmm") : parts[1];
            Arrays.stream(registers.split(", ")).map(AssemblyText::operand).forEach(operands::add);
        }
        Assembler assembler = new Assembler();
        try {
            method(NAMES.getOrDefault(parts[0], parts[0]), operands).invoke(assembler, operands.toArray());
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalArgumentException(text, e);
        }
        return assembler.code();
    }

    private static Method method(String name, List<Object> operands) {
        return Arrays.stream(Assembler.class.getDeclaredMethods())
                .filter(method -> method.getName().equals(name))
                .filter(method -> takes(method.getParameterTypes(), operands))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no %s of %s".formatted(name, operands)));
    }

    private static boolean takes(Class<?>[] types, List<Object> operands) {
        return types.length == operands.size()
                && IntStream.range(0, types.length)
                        .allMatch(i -> types[i] == int.class
                                ? operands.get(i) instanceof Integer
                                : types[i].isInstance(operands.get(i)));
    }

    private static Object operand(String text) {
        if (text.startsWith("zmm")) {
            return new Zmm(Integer.parseInt(text.substring(3)));
        }
        if (text.startsWith("ymm")) {
            return new Ymm(Integer.parseInt(text.substring(3)));
        }
        if (text.startsWith("tmm")) {
            return new Tmm(Integer.parseInt(text.substring(3)));
        }
        if (text.matches("k\\d")) {
            return new Mask(Integer.parseInt(text.substring(1)));
        }
        Matcher memory = MEMORY.matcher(text);
        if (memory.matches()) {
            Gpr index = memory.group(2) == null ? null : gpr(memory.group(2));
            int scale = memory.group(3) == null ? 1 : Integer.parseInt(memory.group(3));
            int displacement = memory.group(4) == null ? 0 : Integer.parseInt(memory.group(4));
            boolean broadcast = memory.group(5) != null;
            return new Address(gpr(memory.group(1)), index, scale, displacement, broadcast);
        }
        return text.matches("-?\\d+") ? (Object) Integer.parseInt(text) : gpr(text);
    }

    private static Gpr gpr(String name) {
        return Gpr.valueOf(name.toUpperCase(Locale.ROOT));
    }
}
