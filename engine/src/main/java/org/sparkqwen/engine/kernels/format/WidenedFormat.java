package org.sparkqwen.engine.kernels.format;

/// A format for which back-ends have no code of their own. They call [#ofPanel] for each number of a panel and multiply
/// float32, which is correct and slow. Packed files do not hold it.
public non-sealed interface WidenedFormat extends WeightFormat {}
