"""What one unit of each SKU takes from stock."""

import numpy as np

from data_access.demo.company import Company, Ints


class UnitNeeds:
    """Units of stocked SKUs that one unit of each SKU needs; a kit needs several."""

    def __init__(self, company: Company) -> None:
        kits = len(company.skus) - company.stocked
        self._first = np.concatenate(
            [np.arange(company.stocked), company.stocked + np.searchsorted(company.kit, company.stocked + np.arange(kits))]
        )
        self._count = np.concatenate([np.ones(company.stocked, np.int64), np.bincount(company.kit - company.stocked, minlength=kits)])
        self._sku = np.concatenate([np.arange(company.stocked), company.component])
        self._units = np.concatenate([np.ones(company.stocked, np.int64), company.component_units])

    def explode(self, sku: Ints) -> tuple[Ints, Ints, Ints]:
        """Needs of lines, by their SKUs: position in `sku`, stocked SKU, units in one unit of the line."""
        count = self._count[sku]
        at = np.repeat(np.arange(len(sku)), count)
        part = np.repeat(self._first[sku], count) + np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
        return at, self._sku[part], self._units[part]
