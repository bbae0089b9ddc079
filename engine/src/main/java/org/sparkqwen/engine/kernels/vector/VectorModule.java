package org.sparkqwen.engine.kernels.vector;

import java.lang.reflect.Method;

/// The JVM's vector module, which is an incubator module and so none that a JVM has by default.
///
/// A JVM has it from its start if it was started with `--add-modules jdk.incubator.vector`, as Spark does. It warns of
/// that on standard error, and cannot use all of an ahead-of-time cache. The launcher opens the JDK's own loader of
/// modules instead, with `--add-opens java.base/jdk.internal.module=ALL-UNNAMED`. Then this class loads the module when
/// kernels ask for it, in the same form: defined to the boot loader, with its intrinsics.
final class VectorModule {
    static final String NAME = "jdk.incubator.vector";

    private VectorModule() {}

    /// Returns whether the module is there, after trying to load it.
    static boolean isPresent() {
        return Loaded.PRESENT;
    }

    private static final class Loaded {
        static final boolean PRESENT = ModuleLayer.boot().findModule(NAME).isPresent() || load();

        private static boolean load() {
            if (!Object.class.getModule().isOpen("jdk.internal.module", VectorModule.class.getModule())) {
                return false;
            }
            try {
                Method loader =
                        Class.forName("jdk.internal.module.Modules").getDeclaredMethod("loadModule", String.class);
                loader.setAccessible(true);
                loader.invoke(null, NAME);
                return true;
            } catch (ReflectiveOperationException e) {
                return false; // another JDK; the obstacle says what to do
            }
        }
    }
}
