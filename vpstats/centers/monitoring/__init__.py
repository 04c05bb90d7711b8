"""Outcomes of a center over time: VLAD, CUSUM with limits, survival CUSUM and learning curves."""

from vpstats.centers.monitoring.cusum import Cusum, chart_order, cusum
from vpstats.centers.monitoring.learning import LearningCurve, learning_curve
from vpstats.centers.monitoring.monitor import monitor
from vpstats.centers.monitoring.result import ChartRules, Monitoring
from vpstats.centers.monitoring.run_length import (
    CusumLimit,
    average_run_length,
    cusum_limit,
    false_alarm_chance,
)
from vpstats.centers.monitoring.simulation import (
    simulate_run_lengths,
    simulate_survival_alarms,
)
from vpstats.centers.monitoring.survival import (
    SurvivalCusum,
    survival_cusum,
    survival_limit,
)
from vpstats.centers.monitoring.survival_monitor import monitor_survival
from vpstats.centers.monitoring.vlad import Vlad, vlad

__all__ = [
    "ChartRules",
    "Cusum",
    "CusumLimit",
    "LearningCurve",
    "Monitoring",
    "SurvivalCusum",
    "Vlad",
    "average_run_length",
    "chart_order",
    "cusum",
    "cusum_limit",
    "false_alarm_chance",
    "learning_curve",
    "monitor",
    "monitor_survival",
    "simulate_run_lengths",
    "simulate_survival_alarms",
    "survival_cusum",
    "survival_limit",
    "vlad",
]
