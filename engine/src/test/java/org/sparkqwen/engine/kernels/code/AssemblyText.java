package org.sparkqwen.engine.kernels.code;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Instructions in Intel's syntax, brought to the methods of [Assembler] that have their names.
final class AssemblyText {
    private static final Pattern MEMORY = Pattern.compile("\\[(\\w+?)(?:\\+(\\w+)\\*(\\d))?([+-]\\d+)?](\\{1to16})?");

    private AssemblyText() {}

    static byte[] encode(String text) {
        String[] parts = text.replace("dword ptr ", "")
                .replaceFirst("\\{k(\\d)}\\{z}", ", k$1")
                .split(" ", 2);
        List<Object> operands = new ArrayList<>();
        if (parts.length > 1) {
            Arrays.stream(parts[1].split(", ")).map(AssemblyText::operand).forEach(operands::add);
        }
        Assembler assembler = new Assembler();
        try {
            Class<?>[] types = operands.stream().map(AssemblyText::type).toArray(Class<?>[]::new);
            Method method = Assembler.class.getDeclaredMethod(parts[0], types);
            method.invoke(assembler, operands.toArray());
        } catch (NoSuchMethodException | IllegalAccessException | InvocationTargetException e) {
            throw new IllegalArgumentException(text, e);
        }
        return assembler.code();
    }

    private static Class<?> type(Object operand) {
        return operand instanceof Integer ? int.class : operand instanceof Gpr ? Gpr.class : operand.getClass();
    }

    private static Object operand(String text) {
        if (text.matches("[yz]mm\\d+")) { // a ymm register is the lower half of a zmm register
            return new Zmm(Integer.parseInt(text.substring(3)));
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
